/** What a native file was made for, by its header: ELF, Mach-O or PE with its machine type; null when it is neither. */
export function platformOf(file: Buffer): string | null {
  if (file.readUInt32BE(0) === 0x7f454c46) {
    const is64 = file[4] === 2 && file[5] === 1;
    const machine = new Map([
      [0x3e, "x64"],
      [0xb7, "arm64"],
    ]).get(file.readUInt16LE(18));
    return is64 && machine ? `linux-${machine}` : null;
  }
  if (file.readUInt32LE(0) === 0xfeedfacf) {
    const machine = new Map([
      [0x01000007, "x64"],
      [0x0100000c, "arm64"],
    ]).get(file.readUInt32LE(4));
    return machine ? `darwin-${machine}` : null;
  }
  if (file.readUInt16BE(0) !== 0x4d5a) return null;
  const header = file.readUInt32LE(0x3c);
  if (file.readUInt32BE(header) !== 0x50450000) return null;
  const machine = new Map([
    [0x8664, "x64"],
    [0xaa64, "arm64"],
  ]).get(file.readUInt16LE(header + 4));
  return machine ? `win32-${machine}` : null;
}
