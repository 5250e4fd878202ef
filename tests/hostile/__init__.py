"""Files that want to harm the server, made when they are needed; see docs/hostile-files.md."""
