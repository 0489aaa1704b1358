// Paths of files in variables, such as `input.attachments.0.file`. The value there is null, as the GraphQL multipart
// request specification requires.
import { isInputObjectType, isListType, isNonNullType, isScalarType, typeFromAST } from "graphql";

const NAME = /^(?!__)[_A-Za-z][_0-9A-Za-z]*$/;
const INDEX = /^(0|[1-9][0-9]?)$/;

/** The paths of all variables of type Upload in an operation; for lists, the first element. */
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

/** The next free path: further files go to the next elements of a list. */
export function freePath(path, taken) {
  let free = path;
  while (taken.includes(free) && /\.\d+(?=\.|$)/.test(free)) {
    free = free.replace(/\.(\d+)(?!.*\.\d)/, (_all, digits) => `.${Number(digits) + 1}`);
  }
  return free;
}

/** Throws an Error if the path is malformed. */
export function checkPath(path) {
  const [variable, ...steps] = path.split(".");
  if (!NAME.test(variable) || !steps.every((step) => NAME.test(step) || INDEX.test(step))) {
    throw new Error(`“${path}” is not the path of a variable; use a path such as input.attachments.0.file.`);
  }
}

/** The variables with a null for each file, and the files in order; throws an Error if a file has no place. */
export function place(files, variables, definition) {
  const declared = (definition.variableDefinitions ?? []).map(({ variable }) => variable.name.value);
  const placed = structuredClone(variables ?? {});
  const inOrder = files.toSorted((one, other) => one.path.localeCompare(other.path, "en", { numeric: true }));
  for (const { path, file } of inOrder) {
    const steps = path.split(".");
    if (!declared.includes(steps[0])) {
      throw new Error(`The operation has no variable $${steps[0]}, so ${file.name} cannot be sent as ${path}. Remove the file, or choose another variable.`);
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
      throw new Error(`The variables have a different value at ${here}, so ${filename} cannot be sent as ${steps.join(".")}.`);
    }
    if (Array.isArray(at) && Number(step) > at.length) {
      throw new Error(`The list at ${steps.slice(0, depth).join(".")} has length ${at.length}, so ${filename} cannot be sent as number ${step}.`);
    }
    if (depth === steps.length - 1) {
      if (at[step] != null) throw new Error(`The variable ${here} already has a value; remove it, because ${filename} is sent there.`);
      at[step] = null;
    } else {
      at[step] ??= INDEX.test(steps[depth + 1]) ? [] : {};
      at = at[step];
    }
  });
}
