"""Installer ISO in; remastered ISO, USB image and boot test out."""
