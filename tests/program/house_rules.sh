#!/usr/bin/env bash
# The checker of the house rules finds what it is there to find: a copy of the tree with one sin each.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh.inc"
command -v git >/dev/null || skip "git is not installed"
mkdir -p "$work/tree" "$work/build"
(cd "$root" && git ls-files -z .clang-format engine net codecs risk tools | xargs -0 cp --parents -t "$work/tree") || exit 70
cd "$work/tree" || exit 70
git init -q . && git add -A
tidy() { tools/dev.d/tidy "$work/build" "$@" >"$work/out" 2>&1; }
# sin NAME FILE LINE PATTERN: with LINE appended to FILE the checker says PATTERN and fails
sin() {
  local name=$1 file=$2 line=$3 pattern=$4
  cp "$file" "$work/saved"
  printf '%s\n' "$line" >>"$file"
  tidy "${pattern%%:*}"
  check "$name: exit code 1" equal $? 1
  check "$name: it says so" grep -qE "$pattern" "$work/out"
  cp "$work/saved" "$file"
}
tidy
check "the tree itself is clean" equal $? 0
[ "$failed_cnt" = 0 ] || head -n 20 "$work/out"
sin "an include that points up" engine/base/hist.c '#include "engine/core/core.h"' 'layers: engine/base/hist.c:[0-9]+: .*includes point down only'
sin "an include that points sideways" codecs/json.c '#include "net/ws.h"' 'layers: codecs/json.c:[0-9]+:'
sin "an include by a relative path" engine/msg/msg.c '#include "../base/err.h"' 'layers: engine/msg/msg.c:[0-9]+:'
sin "a layer that includes a program" net/ws.c '#include "tools/tickgate/verbs.h"' 'layers: net/ws.c:[0-9]+: a layer includes a program'
sin "venuesim with engine code" tools/venuesim/num.c '#include "engine/base/decimal.h"' 'layers: venuesim includes engine code'
sin "a banned call" engine/cold/names.c 'static inline char *sin(char *a, const char *b) { return strcpy(a, b); }' 'banned: engine/cold/names.c'
sin "a memory order of its own" engine/core/core.c 'static inline int sin(_Atomic int *a) { return atomic_load_explicit(a, memory_order_acquire); }' 'banned: memory order'
sin "a long function" engine/msg/msg.c "$(printf 'int sin(void) {\n'; for _ in $(seq 80); do echo '  ;'; done; printf '}')" 'sizes: engine/msg/msg.c'
sin "a long file" engine/msg/msg.c "$(for _ in $(seq 1000); do echo '/* x */'; done)" 'sizes: engine/msg/msg.c has'
sin "a layout of its own" engine/msg/msg.c 'int   sin( void ) ;' 'format: engine/msg/msg.c'
# a symbol that hot code may not need
printf 'void *malloc(unsigned long);\nvoid *sin_alloc(void);\nvoid *sin_alloc(void) { return malloc(8); }\n' >"$work/sin.c"
gcc -c "$work/sin.c" -o "$work/sin.o" && mkdir -p "$work/build/x" && ar rc "$work/build/x/libtg_sin_hot.a" "$work/sin.o"
tidy hot
check "an allocation in hot code: exit code 1" equal $? 1
check "an allocation in hot code: it says so" grep -qE 'hot: malloc is used by hot code' "$work/out"
finish
