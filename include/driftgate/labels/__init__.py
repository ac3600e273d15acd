"""Labels that arrive after the predictions: joined to the rows of their window."""
