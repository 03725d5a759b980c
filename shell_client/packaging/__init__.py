"""How the shell gets to the tills: `python -m shell_client.packaging` makes bundle, installer, ZIP, sums and SBOM."""
