"""The private side: what runs inside a company and sees its users."""
