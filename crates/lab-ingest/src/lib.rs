//! Turns what programs print and write into params, metrics and found secrets.
