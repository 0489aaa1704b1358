// Somebody has signed in as the viewer elsewhere: was it them?

import { ask, notice } from "./dialog.js";
import { t } from "./text.js";

/** Asks about a device that is still there; one that was confirmed or sent away meanwhile needs no answer. */
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
