"""Sizes, so that a limit reads as what it is."""

KiB = 1024
MiB = 1024 * KiB
GiB = 1024 * MiB
