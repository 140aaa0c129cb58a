/** Reversed polynomial of the CRC-64 that Storage's clients send (that of NVMe), high and low half. */
const HIGH = 0x9a6c9329;
const LOW = 0xac4bc9b5;

const TABLE = new Uint32Array(512);
for (let byte = 0; byte < 256; byte++) {
  let [high, low] = [0, byte];
  for (let bit = 0; bit < 8; bit++) {
    const carry = low & 1;
    low = (low >>> 1) | (high << 31);
    high >>>= 1;
    if (carry) {
      high ^= HIGH;
      low ^= LOW;
    }
  }
  TABLE[2 * byte] = high;
  TABLE[2 * byte + 1] = low;
}

/** A running CRC-64, in two 32-bit halves. */
export class Crc64 {
  #high = 0xffffffff;
  #low = 0xffffffff;

  update(bytes: Uint8Array): void {
    let [high, low] = [this.#high, this.#low];
    for (const byte of bytes) {
      const at = 2 * ((low ^ byte) & 0xff);
      low = ((low >>> 8) | (high << 24)) ^ TABLE[at + 1]!;
      high = (high >>> 8) ^ TABLE[at]!;
    }
    this.#high = high;
    this.#low = low;
  }

  /** Eight bytes, little-endian, in base64: as it stands in x-ms-content-crc64. */
  digest(): string {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt32LE(~this.#low >>> 0, 0);
    bytes.writeUInt32LE(~this.#high >>> 0, 4);
    return bytes.toString('base64');
  }
}
