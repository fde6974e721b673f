"""Loops that PyTorch has as several passes over memory, compiled by Numba into one each.

They work on a processor's tensors as NumPy arrays, of float32 or float64, each segment of numbers
by itself, so that its result depends on no other. Where Numba is missing, and on GPUs, PyTorch's
own operations do the same.
"""
