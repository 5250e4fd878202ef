"""What a person can do about a job that did not end well, in a sentence."""

#: By the code in `Job.error_code`; what is not here is a source that cannot be read.
_ADVICE = {
    "encoding-failed": (
        "Try again. If it fails once more, this part of the file is probably damaged: "
        "export it anew and upload that."
    ),
    "internal-error": (
        "Try again. If it fails once more, tell whoever runs this site; "
        "the log has the details under the id of the job."
    ),
    "out-of-space": (
        "It goes on by itself when there is room, which whoever runs this site has to make."
    ),
    "source-lost": (
        "Ask whoever runs this site to bring the file back, and try again; or upload it once more."
    ),
    "worker-vanished": (
        "Try again later. If it happens once more, this file needs more memory "
        "than the machine has; a smaller export may work."
    ),
}
_UNREADABLE = "Trying again will not help. Upload another export of it, MP4 if possible."


def advice(code: str) -> str:
    """What to do about an error with this code.

    >>> advice("encoding-failed")[:9], advice("not-a-video")[:12]
    ('Try again', 'Trying again')
    """
    return _ADVICE.get(code, _UNREADABLE)
