"""The demonstration: real flights through the real stack, with two things done to them that are said beforehand."""
