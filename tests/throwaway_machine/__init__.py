"""Machines that exist for one run: made from packages, reached from this host, gone without a trace."""

from throwaway_machine.machine import ThrowawayMachine, clear, root_of
from throwaway_machine.root_files import CHECKOUT
from throwaway_machine.this_host import MachineError, install_tools, one_at_a_time, run_on_host

__all__ = ["CHECKOUT", "MachineError", "ThrowawayMachine", "clear", "install_tools", "one_at_a_time", "root_of", "run_on_host"]
