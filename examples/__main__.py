"""Run one example without a display, and save the figures that it leaves open.

    python examples NAME [FOLDER] [--format pdf]

writes FOLDER/NAME.png (and NAME_2.png, ... if there are several).
"""

import argparse
import runpy
import sys
import warnings
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt

parser = argparse.ArgumentParser(prog="python examples", description=__doc__.splitlines()[0])
parser.add_argument("name", help="of a script in this folder, without .py")
parser.add_argument("folder", nargs="?", default="pictures", type=Path)
parser.add_argument("--format", default="png", help="png, pdf or svg")
arguments = parser.parse_args()

mpl.use("Agg")
warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive")
script = Path(__file__).with_name(f"{arguments.name}.py")
arguments.folder.mkdir(parents=True, exist_ok=True)
sys.argv = [str(script)]
runpy.run_path(str(script), run_name="__main__")
for number in plt.get_fignums():
    suffix = "" if number == 1 else f"_{number}"
    picture = arguments.folder / f"{arguments.name}{suffix}.{arguments.format}"
    plt.figure(number).savefig(picture, dpi=150)
    print(f"picture: {picture}")
