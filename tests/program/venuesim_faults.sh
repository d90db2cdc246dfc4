#!/usr/bin/env bash
# Each fault of the simulated venue happens as its page says, and is counted.
exec "${TG_ROOT:?}/tests/venuesim/faults" --bin "${TG_BIN:?}/venuesim"
