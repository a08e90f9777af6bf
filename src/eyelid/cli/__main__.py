"""`python -m eyelid.cli`."""

from eyelid.cli import main

main()
