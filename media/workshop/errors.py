"""Why work ends that has not failed."""


class LeaseLost(Exception):
    """The job is somebody else's by now, or was cancelled: stop, and touch nothing."""


class Stopping(Exception):
    """This process has to end: stop at once; the job will be handed back."""
