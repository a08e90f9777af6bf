"""Measuring a guard: metrics, character tricks, corpora, needles, pictures, reports; each in a module of its own."""
