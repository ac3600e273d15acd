"""How long things take: a window, its scores, a big batch, a year, many models; beside plain ways to do the same."""
