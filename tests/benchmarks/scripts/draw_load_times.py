"""Draws seconds over the number of models: draw_load_times.py DATA PICTURE, DATA being JSON."""

import json
import sys

from matplotlib import pyplot as plt

# Readable on GitHub's white page and on its dark one; the background is left to the page.
GREY = "#808890"
COLORS = ("#2da44e", "#3b8eea", "#e0673c")

data = json.loads(sys.argv[1])
models = data["models"]
figure, axes = plt.subplots(figsize=(7, 3.4), layout="constrained")
for color, (name, seconds) in zip(COLORS, data["seconds"].items(), strict=True):
    axes.plot(models, seconds, marker="o", markersize=4, color=color)
    axes.annotate(
        f"{name}, {seconds[-1]:.1f} s",
        (models[-1], seconds[-1]),
        xytext=(8, 0),
        textcoords="offset points",
        color=color,
        va="center",
        annotation_clip=False,
    )
axes.set(xscale="log", yscale="log")
axes.set_xticks(models, [f"{number:,}" for number in models])
axes.minorticks_off()
axes.yaxis.set_major_formatter("{x:g}")
axes.set_xlabel("models", color=GREY)
axes.set_ylabel("seconds until the graph is known", color=GREY)
axes.tick_params(colors=GREY)
axes.spines[["top", "right"]].set_visible(False)
axes.spines[["left", "bottom"]].set_color(GREY)
axes.grid(axis="y", color=GREY, alpha=0.25)
figure.savefig(sys.argv[2], dpi=130, transparent=True)
