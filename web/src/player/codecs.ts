/** One codec per viewing: AV1 where the device decodes it with ease, else H.264. */

interface Coded {
  videoCodec?: string;
}

const PROBE: MediaDecodingConfiguration = {
  type: "media-source",
  video: {
    contentType: 'video/mp4; codecs="av01.0.08M.08"',
    width: 1920,
    height: 1080,
    bitrate: 4_000_000,
    framerate: 30,
  },
};

let likesAv1 = false;

// Asked once, long before a playlist is there. What would cost battery is not easy.
if (typeof navigator !== "undefined" && "mediaCapabilities" in navigator) {
  navigator.mediaCapabilities.decodingInfo(PROBE).then(
    ({ supported, smooth, powerEfficient }) => {
      likesAv1 = supported && smooth && powerEfficient;
    },
    () => undefined,
  );
}

/** The numbers of the levels that are not to be played, where there is a choice. */
export function unwantedLevels(levels: readonly Coded[], prefersAv1 = likesAv1): number[] {
  const isAv1 = levels.map(({ videoCodec }) => videoCodec?.startsWith("av01") ?? false);
  if (!isAv1.includes(true) || !isAv1.includes(false)) return [];
  return isAv1.flatMap((each, index) => (each === prefersAv1 ? [] : [index]));
}
