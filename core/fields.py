"""What people write: plain text, bounded, without invisible control characters."""

import unicodedata
from typing import Any

from rest_framework import serializers


class PlainTextField(serializers.CharField):
    """Text to be shown as it is; of control characters only line breaks and tabs are kept."""

    default_error_messages = {"control": "Control characters are not allowed."}

    def to_internal_value(self, data: Any) -> str:
        """The text with `\\n` line breaks, in Unicode's composed form."""
        text = super().to_internal_value(data)
        text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
        if any(unicodedata.category(char) == "Cc" and char not in "\n\t" for char in text):
            self.fail("control")
        return text
