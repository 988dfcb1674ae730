"""The Character service: which character a scan has earned, decided once and for ever."""
