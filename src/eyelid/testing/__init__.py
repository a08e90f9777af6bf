"""Fakes, faulty roles and conformance suites, for the tests of whoever writes a role or uses a guard."""

from eyelid.testing._conformance import ODD_TEXTS, check_detector, check_detoxifier, check_host, check_reader
from eyelid.testing._fakes import CallLog, FakeDecoder, FakeDetector, FakeDetoxifier, FakeHost, FakeReader
from eyelid.testing._faulty import Fault, FaultyDecoder, FaultyDetector, FaultyDetoxifier, FaultyHost, FaultyReader
from eyelid.testing._miniatures import write_miniature

__all__ = [
    "ODD_TEXTS",
    "CallLog",
    "FakeDecoder",
    "FakeDetector",
    "FakeDetoxifier",
    "FakeHost",
    "FakeReader",
    "Fault",
    "FaultyDecoder",
    "FaultyDetector",
    "FaultyDetoxifier",
    "FaultyHost",
    "FaultyReader",
    "check_detector",
    "check_detoxifier",
    "check_host",
    "check_reader",
    "write_miniature",
]
