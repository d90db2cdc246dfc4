#include "tests/unit/net/certs.c" /* the throw-away authority of the network tests */
