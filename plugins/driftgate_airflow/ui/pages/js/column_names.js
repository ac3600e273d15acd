// How columns are called, also those that are none of the data: all together, and the errors of the model.

export const CONCEPT = "concept_drift";
const FAMILIES = { target: "target_drift", prediction: "prediction_drift", prediction_proba: "prediction_drift" };

/** Name of a row of the heat map or of the list of columns. */
export const columnLabel = ({ name, family }) => {
  if (name === "") return "all columns together";
  return family === CONCEPT ? `${name} (model's errors)` : name;
};

/** The family of a column's drift score; a column without a role is that of the model's errors. */
export function familyOf(page, name) {
  const role = page.monitor.columns?.find((column) => column.name === name)?.role;
  if (!role && name !== "" && page.monitor.metrics?.some(({ family }) => family === CONCEPT)) return CONCEPT;
  return FAMILIES[role] ?? "data_drift";
}
