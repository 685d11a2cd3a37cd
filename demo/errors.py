"""What can go wrong while the story is told."""


class StoryBroken(Exception):
    """A phone, a command or the server is not as the story says."""
