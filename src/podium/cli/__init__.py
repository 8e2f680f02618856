"""The command line `podium`: for participants, organizers and operators."""
