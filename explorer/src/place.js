// Where files go among variables: `input.attachments.0.file` is a path, and each file leaves a null there, as the GraphQL
// multipart request specification has it.
import { isInputObjectType, isListType, isNonNullType, isScalarType, typeFromAST } from "graphql";

const NAME = /^(?!__)[_A-Za-z][_0-9A-Za-z]*$/;
const INDEX = /^(0|[1-9][0-9]?)$/;

/** The paths of an operation's variables whose type is Upload, those of a list at its first place. */
export function pathsOf(definition, schema) {
  const found = [];
  const walk = (type, path, above) => {
    if (isNonNullType(type)) walk(type.ofType, path, above);
    else if (isListType(type)) walk(type.ofType, `${path}.0`, above);
    else if (isScalarType(type) && type.name === "Upload") found.push(path);
    else if (isInputObjectType(type) && !above.includes(type)) {
      for (const each of Object.values(type.getFields())) walk(each.type, `${path}.${each.name}`, [...above, type]);
    }
  };
  for (const { variable, type } of definition?.variableDefinitions ?? []) {
    walk(typeFromAST(schema, type), variable.name.value, []);
  }
  return found;
}

/** The next path like this one that is not taken: files after the first go to the next places of a list. */
export function freePath(path, taken) {
  let free = path;
  while (taken.includes(free) && /\.\d+(?=\.|$)/.test(free)) {
    free = free.replace(/\.(\d+)(?!.*\.\d)/, (_all, digits) => `.${Number(digits) + 1}`);
  }
  return free;
}

/** Throws an Error with what is wrong with a path. */
export function checkPath(path) {
  const [variable, ...steps] = path.split(".");
  if (!NAME.test(variable) || !steps.every((step) => NAME.test(step) || INDEX.test(step))) {
    throw new Error(`“${path}” is no path of a variable; one looks like input.attachments.0.file.`);
  }
}

/** The variables with a null for each file, and the files; throws an Error with what does not fit. */
export function place(files, variables, definition) {
  const declared = (definition.variableDefinitions ?? []).map(({ variable }) => variable.name.value);
  const placed = structuredClone(variables ?? {});
  const inOrder = files.toSorted((one, other) => one.path.localeCompare(other.path, "en", { numeric: true }));
  for (const { path, file } of inOrder) {
    const steps = path.split(".");
    if (!declared.includes(steps[0])) {
      throw new Error(`The operation has no variable $${steps[0]}, so ${file.name} cannot go to ${path}. Remove the file, or choose another variable.`);
    }
    makeRoom(placed, steps, file.name);
  }
  return { variables: placed, files: inOrder };
}

function makeRoom(variables, steps, filename) {
  let at = variables;
  steps.forEach((step, depth) => {
    const here = steps.slice(0, depth + 1).join(".");
    if (Array.isArray(at) !== INDEX.test(step) || typeof at !== "object") {
      throw new Error(`The variables have something else at ${here}, so ${filename} cannot go to ${steps.join(".")}.`);
    }
    if (Array.isArray(at) && Number(step) > at.length) {
      throw new Error(`The list at ${steps.slice(0, depth).join(".")} has ${at.length} places, so ${filename} cannot go to number ${step}.`);
    }
    if (depth === steps.length - 1) {
      if (at[step] != null) throw new Error(`The variable ${here} has a value already; take it out, ${filename} goes there.`);
      at[step] = null;
    } else {
      at[step] ??= INDEX.test(steps[depth + 1]) ? [] : {};
      at = at[step];
    }
  });
}
