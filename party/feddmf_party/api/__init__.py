"""The party's query API: HTTP on loopback, behind tokens with roles."""
