"""The main job on real data: three processes, two companies, one command."""
