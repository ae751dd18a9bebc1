"""`python -m b2ct`."""

from b2ct.cli.main import main

main()
