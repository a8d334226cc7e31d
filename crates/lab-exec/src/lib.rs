//! Starts a process and observes it: terminal, exit, machine facts, environment.
