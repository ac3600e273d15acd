// How columns are called, also those that are none of the data: all together, and the errors of the model.

/** Name of a row of the heat map or of the list of columns. */
export const columnLabel = ({ name, family }) => {
  if (name === "") return "all columns together";
  return family === "concept_drift" ? `${name} (model's errors)` : name;
};
