"""What travels with an image: manifest, sums, SBOM, signature; and their verification."""
