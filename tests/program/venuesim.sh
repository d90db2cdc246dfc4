#!/usr/bin/env bash
# The simulated venue held against its contract by a client that is not ours.
exec "${TG_ROOT:?}/tests/venuesim/run" --bin "${TG_BIN:?}/venuesim"
