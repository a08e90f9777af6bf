"""Fakes, faulty roles and conformance suites, for the tests of whoever writes a role or uses a guard."""

from eyelid.testing._fakes import CallLog, FakeDecoder, FakeDetector, FakeDetoxifier, FakeHost, FakeReader

__all__ = ["CallLog", "FakeDecoder", "FakeDetector", "FakeDetoxifier", "FakeHost", "FakeReader"]
