"""Tests of the guard: actions, challenges, cookies and rates; a backend that accepts cookies."""
