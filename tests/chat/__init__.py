"""Tests of the chat room: its rules, its server as a process, and its page in a browser."""
