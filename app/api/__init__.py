"""scan-api: takes photos in, tells what has become of them, and hands accepted scans to the broker."""
