// Asks the user to confirm a sign-in on another device.

import { ask, notice } from "./dialog.js";
import { t } from "./text.js";

/** Asks about a device, unless it has been signed out since. */
export async function askAboutDevice(api, { id }) {
  const { viewer } = await api.query("devices");
  const device = viewer.devices.find((each) => each.id === id && !each.isCurrent);
  if (!device) return;
  const input = { deviceId: id };
  const revoke = async () => {
    await api.mutate("revoke", input);
    notice(t("device.revoked"));
  };
  const answers = [[t("device.revoke"), revoke]];
  if (!device.isTrusted) answers.push([t("device.trust"), () => api.mutate("trust", input)]);
  ask(t("device.title"), t("device.words", { name: device.name ?? t("device.unnamed") }), answers);
}
