"""Random networks of flat names, converted: `python tests/fuzz/fuzz_convert.py --seed 0 --count 3000`.

Each has stages of blocks, blocks of branches, and names in one of the ways in which files have them; the layers of
branches come in any order in which they can run. Each spec proves itself as it is written. The script prints what
raises anything but a refusal, what is refused, and how often groups were found that the proof did not accept; it ends
with 1 where there is any of these.
"""

import argparse
import random
import sys
import traceback
from collections import Counter

import archinspect
from archinspect import ops
from archinspect.exporters import spec as exporter
from archinspect.exporters.refusal import CannotExportError
from archinspect.exporters.spec.layers import Layers
from archinspect.exporters.spec.proof import prove

NAMES = {
    "keras": "conv{stage}_block{block}_{own}",
    "caffe": "{kind}{stage}{letter}_{own}",
    "mixed": "{own}_{stage}_{block}",
    "slashes": "s{stage}/b{block}/{own}",
    "running": "{kind}_{count}",
    "plain": "n{count}",
    "stages": "stage{stage}_{own}_{count}",
}


class Flat:
    """A network that grows layer by layer, each of which can wait to be added."""

    def __init__(self, chance):
        self.chance = chance
        self.builder = archinspect.GraphBuilder("flat")
        self.pattern = NAMES[chance.choice(list(NAMES))]
        self.count = 0
        self.stage = self.block = 1

    def add(self, operator, own, *inputs, **args):
        self.count += 1
        kind = operator.lower()[: self.chance.choice([4, 9])] if "{count}" not in self.pattern else operator.lower()
        letter = "abcdefghijklmnopqrstuvwxyz"[self.block % 26]
        values = {"kind": kind, "stage": self.stage, "block": self.block, "letter": letter, "own": own}
        name = self.pattern.format(count=self.count, **values)
        while name in self.builder.taken:
            name += "x"
        return self.builder.add(ops.find_operator(operator)(**args), *inputs, name=name)

    def branch(self, steps):
        """Return the layers of a branch, each added when it is asked for."""
        for number, (operator, args) in enumerate(steps):
            yield lambda x, operator=operator, args=args, number=number: self.add(operator, f"{number}", x, **args)


def template(chance):
    """Return what a block is: branches of operators, and what joins them."""
    choices = [
        lambda c: ("Conv2D", {"filters": c, "kernel_size": chance.choice([1, 3]), "padding": "same"}),
        lambda _: ("BatchNormalization", {}),
        lambda _: ("ReLU", {}),
        lambda _: ("Dropout", {"rate": 0.1}),
        lambda _: ("DepthwiseConv2D", {"kernel_size": 3, "padding": "same"}),
        lambda c: ("Conv2D", {"filters": c, "kernel_size": 1, "activation": "relu"}),
    ]
    branches = [[chance.choice(choices) for _ in range(chance.randint(1, 5))] for _ in range(chance.randint(1, 3))]
    join = chance.choice(["Add", "Add", "Concatenate", "Multiply"])
    return branches, join, chance.random() < 0.7, chance.random() < 0.5


def block(net, x, channels, made):
    """Add a block; its branches end with as many channels as it reads, so that they can be joined."""
    branches, join, has_skip, has_end = made
    waiting = []
    for number, branch in enumerate(branches):
        steps = [(*step(channels), f"{number}{at}") for at, step in enumerate(branch)]
        steps.append(("Conv2D", {"filters": channels, "kernel_size": 1}, f"{number}out"))
        waiting.append([x, steps])
    while any(steps for _, steps in waiting):  # the branches' layers come in any order
        branch = net.chance.choice([branch for branch in waiting if branch[1]])
        operator, args, own = branch[1].pop(0)
        branch[0] = net.add(operator, own, branch[0], **args)
    inputs = [end for end, _ in waiting] + [x] * has_skip
    if net.chance.random() < 0.5:
        inputs = inputs[::-1]
    if len(inputs) > 1:
        x = net.add(join, "join", *inputs)
        if join == "Concatenate":
            x = net.add("Conv2D", "narrow", x, filters=channels, kernel_size=1)
    else:
        x = inputs[0]
    return net.add("ReLU", "end", x) if has_end else x


def make(seed):
    """Return a random network as a graph."""
    chance = random.Random(seed)
    net = Flat(chance)
    x = net.builder.input(16, 16, 3)
    kinds = [template(chance) for _ in range(chance.randint(1, 2))]
    skips = []
    for stage in range(1, chance.randint(2, 5)):
        net.stage, net.block = stage, 0
        channels = chance.choice([4, 8]) * stage
        x = net.add("Conv2D", "begin", x, filters=channels, kernel_size=1, strides=chance.choice([1, 1, 2]))
        kind = chance.choice(kinds)
        for number in range(1, chance.randint(2, 6)):
            net.block = number
            x = block(net, x, channels, kind)
            if chance.random() < 0.1:
                skips.append(x)
    if skips and chance.random() < 0.5:
        net.builder.add(ops.find_operator("GlobalAveragePooling2D")(), skips[0], name="aside")
    return net.builder.build(x)


def check(seed, found):
    """Convert a network; count what happens."""
    network = archinspect.network(make(seed))
    text = network.convert()
    if text != archinspect.network(make(seed)).convert():
        found["not the same twice"] += 1
        print(f"{seed}: not the same twice")
    layers = Layers(network.facts)
    plain = exporter.Spec(network.facts, layers).text.count("\n")
    grouped = exporter.grouped(network.facts, layers, plain / exporter.SHORTER)
    if grouped is None:
        found["no groups"] += 1
        return
    try:
        prove(network.facts, grouped.text, grouped.tree.paths, layers)
    except CannotExportError as error:
        found["groups without proof"] += 1
        print(f"{seed}: {error}")
        return
    found["lines"] += text.count("\n")
    found["lines of names as they are"] += plain
    found["operators"] += len(network.graph.nodes)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=1000)
    asked = parser.parse_args()
    found: Counter[str] = Counter()
    for seed in range(asked.seed, asked.seed + asked.count):
        try:
            check(seed, found)
        except CannotExportError as error:
            found["refused"] += 1
            print(f"{seed}: refused: {error}")
        except Exception:  # noqa: BLE001 - whatever it is, it is what is looked for
            found["raised"] += 1
            print(f"{seed}: {traceback.format_exc()}")
    print(dict(found))
    return int(any(found[name] for name in ("raised", "refused", "groups without proof", "not the same twice")))


if __name__ == "__main__":
    sys.exit(main())
