"""What tests share: the program under test, packets, worlds, daemons and fakes."""
