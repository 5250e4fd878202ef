"""tus 1.0, the resumable upload protocol (https://tus.io/protocols/resumable-upload)."""
