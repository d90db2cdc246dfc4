#!/usr/bin/env bash
# Done means 4: the npm package ccxt works against the simulated venue.
exec "${TG_ROOT:?}/tests/ccxt/run" --bin "${TG_BIN:?}/venuesim"
