"""The squids of a site, asked as a VM asks them: do they serve what they should, and only that?"""
