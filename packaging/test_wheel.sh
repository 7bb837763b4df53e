#!/usr/bin/env bash
# test_wheel.sh WHEEL [PYTHON]: the core of the tests against a wheel, where no CGAL, GMP, compiler or
# source of the package can be seen.
#
# A mount namespace hides them: empty folders over the headers and over this checkout, an empty file
# over every library and tool named below. Needs Linux, and root or user namespaces.
set -euo pipefail

wheel=$(realpath "$1")
python=$(command -v "${2:-python3}")
root=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

cp -r "$root/tests" "$root/README.md" "$root/pyproject.toml" "$place"
cp "$wheel" "$place"
"$python" -m venv "$place/venv"
"$place/venv/bin/python" -m pip --quiet --disable-pip-version-check install \
    "$place/$(basename "$wheel")" "pytest>=8" "hypothesis>=6.100" "mpmath>=1.3"

cat > "$place/inside.sh" <<'INSIDE'
set -euo pipefail
hide_folder() { if [ -d "$1" ]; then mount -t tmpfs none "$1"; fi; }
hide_file() { if [ -e "$1" ]; then mount --bind /dev/null "$1"; fi; }
hide_folder /usr/include
hide_folder "$root"
for library in /usr/lib*/libgmp* /usr/lib*/*/libgmp* /usr/lib*/libmpfr* /usr/lib*/*/libmpfr*; do
    hide_file "$(realpath -m "$library")"; done
for tool in gcc g++ cc c++ clang clang++ ld as cython meson ninja; do
    for path in $(type -ap "$tool" || true); do hide_file "$(realpath "$path")"; done; done

cd "$place"
for tool in gcc g++ cc; do ! "$tool" --version > /dev/null 2>&1 || { echo "$tool can be run"; exit 1; }; done
test ! -e "$root/meson.build" -a ! -e /usr/include/CGAL
venv/bin/python - <<'CHECK'
import sdot
print("== testing", sdot.__version__, "from", sdot.__file__)
assert "venv" in sdot.__file__
CHECK
venv/bin/python -m pytest -q -p no:cacheprovider tests/cgal_wrap tests/solver tests/distributions \
    tests/bad_input tests/reference tests/test_distance.py tests/test_plan.py tests/test_power_diagram.py
INSIDE

namespace=(unshare --mount)
if [ "$(id -u)" != 0 ]; then namespace=(unshare --user --map-root-user --mount); fi
root=$root place=$place "${namespace[@]}" bash "$place/inside.sh"
echo "== $(basename "$wheel") stands alone"
