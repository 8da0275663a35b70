class ConvertError(Exception):
    """Something a user can act on: one sentence, and what to do next."""

    def __init__(self, what, then='Check that this is the SDTrack-Tiny 1x4 checkpoint, whole and as it was published.'):
        super().__init__(what)
        self.then = then
