"""The steps from data to shipped weights, each a command; README.md gives their order."""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .chain import add_all
from .options import (
    RUNGS,
    add_device,
    add_preparing,
    add_real,
    add_shape,
    add_step,
    add_training,
    chosen_device,
    chosen_job,
    chosen_recipe,
    chosen_shape,
)

if TYPE_CHECKING:
    from .options import Steps
    from .steps import Schooling


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.translation", description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    adders = (_add_prepare, _add_recover, _add_teacher, _add_distil, _add_student, _add_export)
    for add in (
        *adders,
        _add_measure,
        _add_hypotheses,
        _add_refine,
        _add_ablate,
        _add_score,
        _add_curve,
        _add_random,
        add_all,
    ):
        add(steps)
    arguments = parser.parse_args()
    arguments.run(arguments)


def _add_prepare(steps: "Steps") -> None:
    made = add_step(steps, "prepare", "read the data folder; write vocabulary and packed pairs")
    made.add_argument("--data", type=Path, required=True, help="the data folder")
    add_preparing(made)
    made.set_defaults(run=_prepare)


def _prepare(arguments: argparse.Namespace) -> None:
    from .prepare import prepare

    a = arguments
    print(prepare(a.data, a.work, a.english, a.limit, a.pieces), flush=True)


def _add_recover(steps: "Steps") -> None:
    made = add_step(steps, "recover", "read a student's checkpoint back out of shipped graphs")
    made.add_argument("--graphs", type=Path, required=True, help="folder of the graphs")
    made.add_argument("--out", type=Path, help="folder for the checkpoint")
    made.add_argument("--at-step", type=int, default=8000, help="how long it has been trained")
    made.set_defaults(run=_recover)


def _recover(arguments: argparse.Namespace) -> None:
    from .recover import recover, save_recovered

    a = arguments
    save_recovered(a.out or a.work / "recovered", recover(a.graphs), a.at_step)


def _add_teacher(steps: "Steps") -> None:
    made = add_step(steps, "teacher", "train the autoregressive teacher on the real pairs")
    add_training(made)
    made.add_argument("--agree", type=float, default=0.0, help="weight of R-Drop; each pair twice")
    add_shape(made, {"decoder_layers": 6})
    made.set_defaults(run=_teacher)


def _teacher(arguments: argparse.Namespace) -> None:
    from .recipe import TEACHER
    from .steps import train_teacher

    recipe = replace(chosen_recipe(arguments, TEACHER), agree=arguments.agree)
    train_teacher(arguments.work, chosen_shape(arguments), recipe, chosen_job(arguments, "teacher"))


def _add_distil(steps: "Steps") -> None:
    made = add_step(steps, "distil", "let the teacher translate every text into every language")
    made.add_argument(
        "--teacher", type=Path, action="append", help="folder of a checkpoint; several agree"
    )
    made.add_argument("--seconds", type=float, help="end after so long with what is done")
    made.add_argument("--places", type=int, default=200_000, help="pieces decoded at once")
    made.add_argument("--near", action="store_true", help="of a beam the one nearest to a human's")
    add_device(made)
    made.set_defaults(run=_distil)


def _distil(arguments: argparse.Namespace) -> None:
    from training.captions.parallel import share_of_environment

    from .steps import distil_texts

    a, device = arguments, chosen_device(arguments)
    teachers = a.teacher or [a.work / "teacher"]
    share = share_of_environment()
    pace = (a.seconds, a.places)
    made = distil_texts(a.work, teachers, device, pace, share, a.near)
    print(made, "translations", flush=True)


def _add_student(steps: "Steps") -> None:
    made = add_step(steps, "student", "train encoder, drafter and decoder on what the teacher said")
    add_training(made)
    made.add_argument("--teacher", type=Path, help="folder of the teacher's checkpoint")
    made.add_argument("--no-teacher", action="store_true", help="start from random weights")
    add_real(made)
    made.add_argument("--no-distilled", action="store_true", help="real pairs alone")
    made.add_argument("--no-feedback", action="store_true", help="no self-conditioning")
    made.add_argument("--no-prefixes", action="store_true", help="no cut pairs")
    add_shape(made, {})
    made.set_defaults(run=_student)


def _student(arguments: argparse.Namespace) -> None:
    from .recipe import STUDENT
    from .steps import train_student

    recipe = chosen_recipe(arguments, STUDENT)
    if arguments.no_prefixes:
        recipe = replace(recipe, prefixes=0.0)
    job, shape = chosen_job(arguments, "student"), chosen_shape(arguments)
    train_student(arguments.work, shape, recipe, job, _schooling(arguments))


def _schooling(arguments: argparse.Namespace) -> "Schooling":
    from .steps import Schooling

    a = arguments
    teacher = None if a.no_teacher else a.teacher or a.work / "teacher"
    return Schooling(teacher, a.real, not a.no_feedback, not a.no_distilled)


def _add_export(steps: "Steps") -> None:
    made = add_step(steps, "export", "write the graphs with 8-bit weights")
    made.add_argument("--checkpoint", type=Path, help="folder of a checkpoint")
    made.add_argument("--shortlist", type=Path, help="folder of `refine --kind shortlist`")
    made.add_argument("--float", action="store_true", help="keep 32 bits, to compare")
    made.set_defaults(run=_export)


def _export(arguments: argparse.Namespace) -> None:
    from .steps import export

    a = arguments
    bytes_ = export(a.work, a.checkpoint or a.work / "student", not a.float, a.shortlist)
    print(f"{bytes_ / 2**20:.2f} MiB", flush=True)


def _add_measure(steps: "Steps") -> None:
    made = add_step(steps, "measure", "BLEU, chrF and milliseconds of the exported graphs")
    made.add_argument("--data", type=Path, required=True, help="the data folder")
    made.add_argument("--graphs", type=Path, help="folder of the graphs")
    made.add_argument("--sets", default="test.tatoeba,test.multi30k,test.captions")
    made.add_argument("--texts", type=int, default=300, help="so many of each set and language")
    made.add_argument("--bare", action="store_true", help="sources without case and punctuation")
    made.add_argument("--rungs", nargs="+", choices=RUNGS, default=RUNGS)
    made.set_defaults(run=_measure)


def _measure(arguments: argparse.Namespace) -> None:
    from .measure import report_graphs

    a = arguments
    folder = a.graphs or a.work / "graphs"
    for line in report_graphs(folder, a.data, a.sets.split(","), a.texts, a.bare, a.rungs):
        print(line, flush=True)


def _add_hypotheses(steps: "Steps") -> None:
    made = add_step(steps, "hypotheses", "translate all test sets in one go, on a GPU")
    made.add_argument("--checkpoint", type=Path, help="folder of a checkpoint")
    made.add_argument("--out", type=Path, help="folder for what is found")
    made.add_argument("--ways", default="draft,greedy,beam", help="mask1, levenshtein1 …")
    made.add_argument("--unsure", type=float, default=0.9, help="mask asks again below this")
    made.add_argument("--places", type=int, default=200_000, help="pieces decoded at once")
    add_device(made)
    made.set_defaults(run=_hypotheses)


def _hypotheses(arguments: argparse.Namespace) -> None:
    from .hypotheses import OWN, own_ways, write_hypotheses
    from .pieces import Pieces
    from .refining import refined_ways
    from .steps import load_translator

    a, names = arguments, arguments.ways.split(",")
    net = load_translator(a.checkpoint or a.work / "student").to(chosen_device(a))
    ways = own_ways(net, [name for name in names if name in OWN], a.places)
    ways |= refined_ways(net, [name for name in names if name not in OWN], a.work, a.unsure)
    # the work folder holds a copy of the sets, so the data folder need not travel
    write_hypotheses(ways, Pieces(a.work / "pieces.model"), a.work, a.out or a.work / "hypotheses")


def _add_refine(steps: "Steps") -> None:
    made = add_step(steps, "refine", "train what makes drafts better")
    made.add_argument("--kind", default="mask", choices=("mask", "levenshtein", "shortlist"))
    add_training(made)
    made.add_argument("--checkpoint", type=Path, help="folder of the student's checkpoint")
    made.set_defaults(run=_refine)


def _refine(arguments: argparse.Namespace) -> None:
    from .recipe import STUDENT
    from .refining import train_refiner

    a = arguments
    recipe, job = chosen_recipe(a, STUDENT), chosen_job(a, a.kind)
    train_refiner(a.kind, a.work, a.checkpoint or a.work / "student", recipe, job)


def _add_ablate(steps: "Steps") -> None:
    made = add_step(steps, "ablate", "students of equal seconds, each without one part")
    add_training(made)
    made.add_argument("--rows", default="base,no-distilled,no-feedback,no-prefixes")
    add_shape(made, {})
    made.set_defaults(run=_ablate)


def _ablate(arguments: argparse.Namespace) -> None:
    from .ablate import ablate
    from .recipe import STUDENT

    recipe, job = chosen_recipe(arguments, STUDENT), chosen_job(arguments, "ablations")
    ablate(arguments.work, chosen_shape(arguments), recipe, job, arguments.rows.split(","))


def _add_score(steps: "Steps") -> None:
    made = add_step(steps, "score", "BLEU and chrF of hypotheses")
    made.add_argument("--found", type=Path, help="folder of the hypotheses")
    made.add_argument("--ablations", type=Path, help="folder of `ablate`: its table instead")
    made.set_defaults(run=_score)


def _score(arguments: argparse.Namespace) -> None:
    from .hypotheses import report_hypotheses
    from .pieces import Pieces

    a = arguments
    pieces = Pieces(a.work / "pieces.model")
    if a.ablations:
        from .ablate import table

        print("\n".join(table(a.ablations, a.work, pieces)))
        return
    for line in report_hypotheses(a.found or a.work / "hypotheses", a.work, pieces):
        print(line, flush=True)


def _add_curve(steps: "Steps") -> None:
    made = add_step(steps, "curve", "draw the learning curve")
    made.add_argument("--checkpoint", type=Path, help="folder of a checkpoint")
    made.set_defaults(run=_curve)


def _curve(arguments: argparse.Namespace) -> None:
    from .curve import draw_curve

    folder = arguments.checkpoint or arguments.work / "student"
    draw_curve(folder / "curve.jsonl", folder / "curve.png")


def _add_random(steps: "Steps") -> None:
    made = add_step(steps, "random", "write graphs of random weights: what a shape costs")
    made.add_argument("--out", type=Path, required=True, help="folder for the graphs")
    add_shape(made, {})
    made.set_defaults(run=_random)


def _random(arguments: argparse.Namespace) -> None:
    from .price import price

    print(json.dumps(price(chosen_shape(arguments), arguments.out)))


if __name__ == "__main__":
    main()
