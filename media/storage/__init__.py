"""Where bytes live that outlast a process: sources, segments, posters. Plain Python."""
