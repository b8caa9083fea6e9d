// swift-cni, SPDX-License-Identifier: Apache-2.0

import Flanneld

await FlanneldCommand.main()
