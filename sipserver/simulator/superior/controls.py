"""Steps that move and command: PTZ, presets, and controls that are answered."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from sipserver.gb import manscdp
from sipserver.gb.camera_commands import PtzCommand
from sipserver.gb.control_commands import AlarmReset, GuardCommand, KeyframeCommand, RecordCommand
from sipserver.gb.messages.device_control import Command, DeviceControl
from sipserver.gb.ptz import Instruction, Move, Preset, PresetAction
from sipserver.simulator.superior.errors import StepFailed
from sipserver.simulator.superior.queries import ask
from sipserver.simulator.superior.scene import CHANNEL, SUBORDINATE, TIMEOUT, Scene, Table, entry
from sipserver.simulator.superior.steps import Parameter, Step
from sipserver.simulator.superior.subordinate import Subordinate

MOVES: Final[Mapping[str, tuple[int, int, int]]] = {
    "left": (-1, 0, 0),
    "right": (1, 0, 0),
    "up": (0, 1, 0),
    "down": (0, -1, 0),
    "in": (0, 0, 1),
    "out": (0, 0, -1),
}
PRESETS: Final[Mapping[str, PresetAction]] = {
    "set": PresetAction.SET,
    "call": PresetAction.CALL,
    "delete": PresetAction.DELETE,
}
COMMANDS: Final[Mapping[str, Command]] = {
    "record": RecordCommand(is_start=True),
    "stop-record": RecordCommand(is_start=False),
    "guard": GuardCommand(is_armed=True),
    "unguard": GuardCommand(is_armed=False),
    "reset-alarm": AlarmReset(),
    "keyframe": KeyframeCommand(),
}


async def ptz(scene: Scene, step: Step) -> str:
    below = scene.below(step)
    pan, tilt, zoom = MOVES[step.text("move")]
    speed = step.whole("speed")
    move = Move(pan * speed, tilt * speed, zoom * min(15, speed // 16))
    await _instruct(scene, step, below, move)
    await asyncio.sleep(step.number("seconds"))
    await _instruct(scene, step, below, Move())
    return f"{step.text('move')} for {step.number('seconds'):g} s, and stopped"


async def preset(scene: Scene, step: Step) -> str:
    below = scene.below(step)
    action = PRESETS[step.text("action")]
    await _instruct(scene, step, below, Preset(action, step.whole("number")))
    return f"{step.text('action')} {step.whole('number')}"


async def control(scene: Scene, step: Step) -> str:
    below, desk = scene.below(step), scene.desk
    command = COMMANDS[step.text("command")]
    element = DeviceControl(desk.next_sn(), scene.channel(step, below), command).to_xml()
    if not command.expects_answer:
        await desk.message(below, element, manscdp.child_text(element, "DeviceID"))
        return "accepted; it has no answer"
    document = await ask(desk, below, element, step.number("timeout_s"))
    result = manscdp.child_text(document.element, "Result")
    if result.upper() != "OK":
        raise StepFailed(f"Result {result or 'is missing'}")
    return "Result OK"


async def _instruct(scene: Scene, step: Step, below: Subordinate, instruction: Instruction) -> None:
    channel = scene.channel(step, below)
    command = PtzCommand(instruction.to_frame().serialize())
    await scene.desk.message(below, DeviceControl(scene.desk.next_sn(), channel, command).to_xml(), channel)


TABLE: Final[Table] = dict(
    (
        entry("ptz", "the camera is turned, then stopped", ptz, SUBORDINATE, CHANNEL,
              Parameter("move", "left", "which way", tuple(MOVES)),
              Parameter("speed", 64, "of 255", least=1, most=255),
              Parameter("seconds", 1.0, "how long", most=60.0)),
        entry("preset", "a preset is set, called or deleted", preset, SUBORDINATE, CHANNEL,
              Parameter("action", "call", "what", tuple(PRESETS)),
              Parameter("number", 1, "1 to 255", least=1, most=255)),
        entry("control", "another control is carried out", control, SUBORDINATE, CHANNEL,
              Parameter("command", "guard", "which", tuple(COMMANDS)), TIMEOUT),
    )
)  # fmt: skip
"""Steps by name."""
