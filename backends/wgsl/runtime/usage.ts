/** WebGPU's flags as numbers: its global objects are missing where WebGPU comes as a package. */
export const usage = {
  mapRead: 0x01,
  copySource: 0x04,
  copyTarget: 0x08,
  uniform: 0x40,
  storage: 0x80,
  queryResolve: 0x200,
} as const;

export const mapModeRead = 1;
export const stageCompute = 4;
