/* What other folders' tests made already: the core's small venue. */
#include "tests/unit/engine/core/fake_venue.c"
